/* SPDX-License-Identifier: BSD-2-Clause */
/* tests/victims/module_library.c - a library that needs libm; also its constructor and its destructor do */
#define _GNU_SOURCE
#include <math.h>

/* Compilers know the sine of a constant, and write to the places themselves. */
static void (*volatile sine_and_cosine)(double, double *, double *) = sincos;
static double (*volatile gamma_and_sign)(double, int *) = lgamma_r;

void module_sine(double *sine, double *cosine)
{
	sine_and_cosine(1, sine, cosine); /* BAD */
}

double module_gamma(int *sign)
{
	return gamma_and_sign(-0.5, sign);
}

__attribute__((constructor)) static void begin(void)
{
	double sine, cosine;

	module_sine(&sine, &cosine);
}

__attribute__((destructor)) static void end(void)
{
	int sign;
	double sine, cosine;

	module_gamma(&sign);
	module_sine(&sine, &cosine);
}
