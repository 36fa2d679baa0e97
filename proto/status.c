/* status.c - the names of OPC UA StatusCodes, see status.h. */
#include "proto/status.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/text.h"

#define CODE_MASK UINT32_C(0xFFFF0000)
#define INFO_MASK UINT32_C(0x0000FFFF)
#define SEVERITY_SHIFT 30

struct status_row {
    uint32_t code;
    const char *name;
};

/* What a value can carry, and what a data source says about itself; codes of OPC UA's services only are left out.
 * Source: the OPC Foundation's StatusCode.csv (as in open62541, tools/schema). Sorted by code. */
static const struct status_row ROWS[] = {
    {0x00000000, "Good"},
    {0x002E0000, "GoodCompletesAsynchronously"},
    {0x002F0000, "GoodOverload"},
    {0x00300000, "GoodClamped"},
    {0x00960000, "GoodLocalOverride"},
    {0x00A50000, "GoodNoData"},
    {0x00A60000, "GoodMoreData"},
    {0x00A70000, "GoodCommunicationEvent"},
    {0x00A80000, "GoodShutdownEvent"},
    {0x00A90000, "GoodCallAgain"},
    {0x00AA0000, "GoodNonCriticalTimeout"},
    {0x00D90000, "GoodDataIgnored"},
    {0x00DC0000, "GoodEdited"},
    {0x00E00000, "GoodDependentValueChanged"},
    {0x00EB0000, "GoodSubNormal"},
    {0x01160000, "GoodEdited_DependentValueChanged"},
    {0x01170000, "GoodEdited_DominantValueChanged"},
    {0x01180000, "GoodEdited_DominantValueChanged_DependentValueChanged"},
    {0x40000000, "Uncertain"},
    {0x408F0000, "UncertainNoCommunicationLastUsableValue"},
    {0x40900000, "UncertainLastUsableValue"},
    {0x40910000, "UncertainSubstituteValue"},
    {0x40920000, "UncertainInitialValue"},
    {0x40930000, "UncertainSensorNotAccurate"},
    {0x40940000, "UncertainEngineeringUnitsExceeded"},
    {0x40950000, "UncertainSubNormal"},
    {0x40A40000, "UncertainDataSubNormal"},
    {0x40DE0000, "UncertainDominantValueChanged"},
    {0x40E20000, "UncertainDependentValueChanged"},
    {0x42080000, "UncertainTransducerInManual"},
    {0x42090000, "UncertainSimulatedValue"},
    {0x420A0000, "UncertainSensorCalibration"},
    {0x420F0000, "UncertainConfigurationError"},
    {0x80000000, "Bad"},
    {0x80010000, "BadUnexpectedError"},
    {0x80020000, "BadInternalError"},
    {0x80030000, "BadOutOfMemory"},
    {0x80040000, "BadResourceUnavailable"},
    {0x80050000, "BadCommunicationError"},
    {0x80060000, "BadEncodingError"},
    {0x80070000, "BadDecodingError"},
    {0x80080000, "BadEncodingLimitsExceeded"},
    {0x800A0000, "BadTimeout"},
    {0x800C0000, "BadShutdown"},
    {0x800D0000, "BadServerNotConnected"},
    {0x801F0000, "BadUserAccessDenied"},
    {0x80230000, "BadInvalidTimestamp"},
    {0x80310000, "BadNoCommunication"},
    {0x80320000, "BadWaitingForInitialData"},
    {0x803A0000, "BadNotReadable"},
    {0x803B0000, "BadNotWritable"},
    {0x803C0000, "BadOutOfRange"},
    {0x803D0000, "BadNotSupported"},
    {0x803E0000, "BadNotFound"},
    {0x80400000, "BadNotImplemented"},
    {0x80730000, "BadWriteNotSupported"},
    {0x80740000, "BadTypeMismatch"},
    {0x80890000, "BadConfigurationError"},
    {0x808A0000, "BadNotConnected"},
    {0x808B0000, "BadDeviceFailure"},
    {0x808C0000, "BadSensorFailure"},
    {0x808D0000, "BadOutOfService"},
    {0x809B0000, "BadNoData"},
    {0x809D0000, "BadDataLost"},
    {0x809E0000, "BadDataUnavailable"},
    {0x80AB0000, "BadInvalidArgument"},
    {0x80AC0000, "BadConnectionRejected"},
    {0x80AD0000, "BadDisconnect"},
    {0x80AE0000, "BadConnectionClosed"},
    {0x80AF0000, "BadInvalidState"},
    {0x80B00000, "BadEndOfStream"},
    {0x80B10000, "BadNoDataAvailable"},
    {0x80B20000, "BadWaitingForResponse"},
    {0x80B30000, "BadOperationAbandoned"},
    {0x80B50000, "BadWouldBlock"},
    {0x80B60000, "BadSyntaxError"},
    {0x80B70000, "BadMaxConnectionsReached"},
    {0x80B80000, "BadRequestTooLarge"},
    {0x80B90000, "BadResponseTooLarge"},
    {0x80BE0000, "BadProtocolVersionUnsupported"},
    {0x80E10000, "BadDominantValueChanged"},
    {0x80E30000, "BadDependentValueChanged"},
    {0x80EE0000, "BadServerTooBusy"},
    {0x80F00000, "BadNoValue"},
    {0x81120000, "BadNumericOverflow"},
    {0x81190000, "BadEdited_OutOfRange"},
    {0x811A0000, "BadInitialValue_OutOfRange"},
    {0x811B0000, "BadOutOfRange_DominantValueChanged"},
    {0x811C0000, "BadEdited_OutOfRange_DominantValueChanged"},
    {0x811D0000, "BadOutOfRange_DominantValueChanged_DependentValueChanged"},
    {0x811E0000, "BadEdited_OutOfRange_DominantValueChanged_DependentValueChanged"},
};

enum { ROW_COUNT = sizeof ROWS / sizeof ROWS[0] };

enum severity { SEVERITY_GOOD, SEVERITY_UNCERTAIN, SEVERITY_BAD, SEVERITY_RESERVED };

static enum severity severity_of(uint32_t status)
{
    return (enum severity)(status >> SEVERITY_SHIFT);
}

bool status_is_good(uint32_t status)
{
    return severity_of(status) == SEVERITY_GOOD;
}

bool status_is_uncertain(uint32_t status)
{
    return severity_of(status) == SEVERITY_UNCERTAIN;
}

bool status_is_bad(uint32_t status)
{
    return severity_of(status) >= SEVERITY_BAD;
}

static int compare_code(const void *code, const void *row)
{
    uint32_t a = *(const uint32_t *)code;
    uint32_t b = ((const struct status_row *)row)->code;
    return (a > b) - (a < b);
}

/* NULL for a code that is not in the table. */
static const char *find_name(uint32_t status)
{
    uint32_t code = status & CODE_MASK;
    const struct status_row *row = bsearch(&code, ROWS, ROW_COUNT, sizeof ROWS[0], compare_code);
    return row ? row->name : NULL;
}

static const char *severity_name(uint32_t status)
{
    if (status_is_good(status))
        return "Good";
    return status_is_uncertain(status) ? "Uncertain" : "Bad";
}

const char *status_name(uint32_t status)
{
    const char *name = find_name(status);
    return name ? name : severity_name(status);
}

int status_text(uint32_t status, char *buf, size_t size)
{
    const char *name = find_name(status);
    if (name && (status & INFO_MASK) == 0)
        return snprintf(buf, size, "%s", name);
    return snprintf(buf, size, "%s (0x%08X)", name ? name : severity_name(status), (unsigned)status);
}

static enum mr_rc parse_name(const char *text, uint32_t *ret)
{
    for (size_t i = 0; i < ROW_COUNT; i++) {
        if (strcasecmp(ROWS[i].name, text) == 0) {
            *ret = ROWS[i].code;
            return MR_OK;
        }
    }
    return MR_NOT_FOUND;
}

static enum mr_rc parse_number(const char *digits, uint32_t *ret)
{
    uint8_t b[4];
    if (text_unhex(digits, strlen(digits), b, sizeof b) != MR_OK)
        return MR_NOT_FOUND;
    *ret = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 | b[3];
    return MR_OK;
}

enum mr_rc status_parse(const char *text, uint32_t *ret)
{
    if (text[0] == '0' && (text[1] == 'x' || text[1] == 'X'))
        return parse_number(text + 2, ret);
    return parse_name(text, ret);
}
