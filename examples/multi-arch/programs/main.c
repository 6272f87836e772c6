#include <stdio.h>

int main(void)
{
	puts("compiled for " TARGET);
	return 0;
}
