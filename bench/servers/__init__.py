"""The Python servers that are measured; each is a program of its own."""
