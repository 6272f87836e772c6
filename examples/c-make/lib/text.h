/* Words are separated by blanks, tabs and line ends. */
unsigned long count_words(const char *text, unsigned long length);
