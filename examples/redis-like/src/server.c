/* SET and GET from standard input: the part of a key-value server that needs no network. */
#include "table.h"
#include <stdio.h>
#include <string.h>
#include <unistd.h>

int main(int argc, char **argv)
{
	char command[8], key[32], value[128];
	if (argc > 1 && strcmp(argv[1], "--version") == 0) {
		puts("store 7.0.0");
		return 0;
	}
	table_set("uid", getuid() == 999 ? "store" : "another");
	while (scanf("%7s %31s", command, key) == 2) {
		if (strcmp(command, "SET") == 0 && scanf("%127s", value) == 1)
			table_set(key, value);
		else
			puts(table_get(key));
	}
	puts(table_get("uid"));
	return 0;
}
