"""What an agency, an API key or a person may spend: token buckets, here or shared by a fleet."""
