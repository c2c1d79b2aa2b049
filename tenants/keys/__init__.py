"""Keys of agencies: made, wrapped by a file's key or by KMS, rotated, destroyed."""
