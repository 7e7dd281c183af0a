"""What verbs print, and how: results on stdout, all that is for the eye on stderr."""
