/* The installed library's law finds the plane that six points lie on. */
#include <eyechart/law.h>
#include <math.h>
#include <stdio.h>

int main(void) {
    const double a[] = {.1, .2, .3, .4, .5, .9}, c[] = {20, 50, 10, 40, 30, 60};
    double z[6];
    for (int i = 0; i < 6; i++) z[i] = 40 + 10 * a[i] + .2 * c[i];

    const ec_law_options plane = {.model = EC_LAW_LINEAR};
    ec_law law;
    ec_error err;
    if (ec_law_fit(&law, &plane, NULL, a, c, z, 6, &err) != EC_OK) return puts(err.message), 1;
    const double error = fabs(ec_law_predict(&law, .6, 35) - 53);
    printf("predicted to within %.1g\n", error);
    return error > 1e-9;
}
