"""What is made of files: under which names, and kept where."""
