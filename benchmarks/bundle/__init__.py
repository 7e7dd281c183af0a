"""The C++ runner built, with the libraries it needs beside it."""
