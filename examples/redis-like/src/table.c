#include "table.h"
#include <stdio.h>
#include <string.h>

static char keys[64][32], values[64][128];
static int used;

void table_set(const char *key, const char *value)
{
	int i = 0;
	while (i < used && strcmp(keys[i], key) != 0)
		i++;
	if (i == 64)
		return;
	if (i == used)
		used++;
	snprintf(keys[i], sizeof keys[i], "%s", key);
	snprintf(values[i], sizeof values[i], "%s", value);
}

const char *table_get(const char *key)
{
	for (int i = 0; i < used; i++)
		if (strcmp(keys[i], key) == 0)
			return values[i];
	return "(nil)";
}
