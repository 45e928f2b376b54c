/* freestanding/math.h - what the tests of manager/ need of math.h. */
#ifndef TESTS_FREESTANDING_MATH_H
#define TESTS_FREESTANDING_MATH_H

#define INFINITY __builtin_inff()
#define NAN __builtin_nanf("")
#define isfinite(x) __builtin_isfinite(x)
#define isnan(x) __builtin_isnan(x)
#define fabs(x) __builtin_fabs(x)

#endif
