"""The engine: from a document's text to the bytes of its answer."""
