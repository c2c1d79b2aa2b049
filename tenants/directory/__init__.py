"""The directory: agencies, pools, staff, API keys, operators' grants, wrapped keys, settings."""
