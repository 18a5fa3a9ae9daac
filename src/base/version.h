/* version.h - the program's version: the one place where it is written; the Makefile reads it too. */
#ifndef SS_BASE_VERSION_H
#define SS_BASE_VERSION_H

#define SS_VERSION "0.1.0"

#endif
