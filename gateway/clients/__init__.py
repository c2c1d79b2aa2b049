"""What a frontend's client is configured with, and the files that configure it."""
