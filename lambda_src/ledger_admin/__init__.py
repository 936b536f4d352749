"""The function with which a person looks into the ledger, and changes it."""
