/* embedded.h - the kernel sources inside the binary; the table is made by the Makefile from cl/. */
#ifndef SS_DEVICE_EMBEDDED_H
#define SS_DEVICE_EMBEDDED_H

struct ss_embedded {
    const char *name; /* below cl/: "jet/activation.cl"; NULL ends the table */
    const char *text;
};

extern const struct ss_embedded ss_embedded[];

#endif
