/* page_files.h - page.css and page.js as text; the Makefile makes them. */
#ifndef SS_REPORT_PAGE_FILES_H
#define SS_REPORT_PAGE_FILES_H

extern const char ss_page_css[], ss_page_js[];

#endif
