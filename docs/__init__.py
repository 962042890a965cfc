"""The documentation: pages of text, whose examples, links and names the tests in tests/house keep true."""
