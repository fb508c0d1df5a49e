/* SPDX-License-Identifier: BSD-2-Clause */
/* libFuzzer's entry: see vhost_steps.h. `make fuzz` builds and runs it. */
#include "fuzz/vhost_steps.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerInitialize(int *argc, char ***argv);

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc, (void)argv;
	if (!steps_open())
		abort();
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct steps_run run;
	static struct steps steps;
	const char *wrong;

	steps_decode(&steps, data, size);
	wrong = steps_do(&run, &steps);
	if (!wrong)
		return 0;
	fprintf(stderr, "%s\n", wrong);
	abort();
}
