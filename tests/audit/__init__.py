"""What an auditor's tools say of the contracts: `python -m tests.audit`."""
