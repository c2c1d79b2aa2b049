"""What can be changed, by subject; schema/mutation.py puts it together."""
