"""A folder for PYTHONPATH: whatever Python starts with it imports its `sitecustomize`."""
