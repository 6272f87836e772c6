/* Lists what it would serve. A server is a few hundred lines more, and teaches nothing about images. */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>

static int visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

int main(int argc, char **argv)
{
	struct dirent **entries;
	int count = scandir(argc > 1 ? argv[1] : ".", &entries, visible, alphasort);
	for (int i = 0; i < count; i++)
		printf("%s:%s/%s\n", getenv("SERVER_NAME"), getenv("PORT"), entries[i]->d_name);
	return count < 0;
}
