/* gateway/history_report.h - what the history says together, and the history as a file. Over any file that opens:
 * texts in it are escaped, whatever they are. */
#ifndef GATEWAY_HISTORY_REPORT_H
#define GATEWAY_HISTORY_REPORT_H

#include "gateway/history_store.h"
#include "gateway/metrics.h"

/* Success, times to connect, quality by browser, way, network and so on, reasons of failure, and each hour: members
 * of a JSON object, without braces. The last |hours| before |now_s|. */
gw_store_state gw_report_write(gw_text *out, gw_store *store, int64_t now_s, int64_t hours);

typedef enum gw_export { GW_EXPORT_CSV, GW_EXPORT_JSON } gw_export;
/* One line per row, RFC 4180 with a head; or an array of objects. Text that a spreadsheet would take for a formula
 * is led by an apostrophe. Into |fd|; |bytes|: how many. */
gw_store_state gw_export_write(int fd, gw_store *store, gw_export format, int64_t now_s, int64_t hours,
                               uint64_t *bytes);

#endif
