"""How does a network leave as source code, and which formats of files are there?"""
