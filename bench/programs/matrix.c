/* SPDX-License-Identifier: BSD-2-Clause */
/* bench/programs/matrix.c - floating point over rows on the heap: products, and solving linear systems.
 *
 * matrix N: multiplies two matrices of 120 by 120 and solves a system with the product, N times. */
#include <stdio.h>
#include <stdlib.h>

#define SIZE 120

static double **matrix_new(void)
{
	double **m = malloc(SIZE * sizeof(*m));

	for (int i = 0; i < SIZE; i++)
		m[i] = calloc(SIZE, sizeof(**m));
	return m;
}

static void matrix_free(double **m)
{
	for (int i = 0; i < SIZE; i++)
		free(m[i]);
	free(m);
}

static void multiply(double **a, double **b, double **out)
{
	for (int i = 0; i < SIZE; i++)
		for (int k = 0; k < SIZE; k++)
			for (int j = 0; j < SIZE; j++)
				out[i][j] += a[i][k] * b[k][j];
}

/* Gaussian elimination without pivots, because the diagonal of the matrix dominates. */
static void solve(double **m, double *x)
{
	for (int i = 0; i < SIZE; i++)
		for (int row = i + 1; row < SIZE; row++) {
			double f = m[row][i] / m[i][i];
			for (int j = i; j < SIZE; j++)
				m[row][j] -= f * m[i][j];
			x[row] -= f * x[i];
		}
	for (int i = SIZE - 1; i >= 0; i--) {
		for (int j = i + 1; j < SIZE; j++)
			x[i] -= m[i][j] * x[j];
		x[i] /= m[i][i];
	}
}

int main(int argc, char **argv)
{
	unsigned long n = argc > 1 ? strtoul(argv[1], NULL, 10) : 100;
	double sum = 0;

	for (unsigned long round = 0; round < n; round++) {
		double **a = matrix_new(), **b = matrix_new(), **c = matrix_new(), x[SIZE];
		for (int i = 0; i < SIZE; i++) {
			x[i] = i;
			for (int j = 0; j < SIZE; j++) {
				a[i][j] = (i == j) * 400 + (double)(i * 7 + j * 3) / 100 - (double)round;
				b[i][j] = (i == j) * 300 + (double)(i * 5 - j) / 100;
			}
		}
		multiply(a, b, c);
		solve(c, x);
		for (int i = 0; i < SIZE; i++)
			sum += x[i];
		matrix_free(a);
		matrix_free(b);
		matrix_free(c);
	}
	printf("%.6f\n", sum);
	return 0;
}
