/* Where the running program lies, for finding what is installed with it. */
#ifndef CT_COMMON_PROGRAM_H
#define CT_COMMON_PROGRAM_H

/* Its folder, without a slash at the end; NULL when it is not known (no /proc). The caller frees
 * it. */
char *ct_program_folder(void);

/* A program of ours by its name: beside this one, as a build or a package puts it; else the name
 * alone, for PATH. The caller frees it. */
char *ct_program_beside(const char *name);

#endif
