#include "text.h"
#include <ctype.h>

unsigned long count_words(const char *text, unsigned long length)
{
	unsigned long words = 0;
	int inside = 0;
	for (unsigned long i = 0; i < length; i++) {
		int blank = isspace((unsigned char)text[i]);
		words += inside == 0 && blank == 0;
		inside = blank == 0;
	}
	return words;
}
