"""The web application: pages for people and an API for programs, over the same store as the command line."""
