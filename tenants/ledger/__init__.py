"""The tamper-evident ledger of reads and changes: a Merkle tree an agency, signed checkpoints."""
