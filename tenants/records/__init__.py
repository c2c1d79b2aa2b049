"""What is stored of a record: its kind's entries, its body, its sealed groups, its blobs."""
