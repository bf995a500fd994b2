//! Configuration files: a lossless reader, and the meaning of each file.
