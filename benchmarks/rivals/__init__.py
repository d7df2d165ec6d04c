"""What we are measured against. Each file but `process.py` runs in `.bench`, without Millstream."""
