#include "text.h"
#include <stdio.h>

int main(int argc, char **argv)
{
	static char text[1 << 20];
	FILE *file = argc > 1 ? fopen(argv[1], "r") : stdin;
	if (file == NULL) {
		perror(argv[1]);
		return 1;
	}
	unsigned long length = fread(text, 1, sizeof text, file);
	printf("%lu\n", count_words(text, length));
	return 0;
}
