/* Addresses: what is accepted holds nothing that means another transport or interface to libzmq, and reads back the same. */
#include "base/io/zsock.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    char text[600], printed[ZSOCK_ADDRESS_SIZE];
    struct zsock_address address, again;
    size_t text_len = len < sizeof text - 1 ? len : sizeof text - 1;
    memcpy(text, data, text_len);
    text[text_len] = '\0';
    if (zsock_address_parse(text, 7420, &address, NULL) != MR_OK)
        return 0;
    if (address.host[0] == '\0' || strpbrk(address.host, "/;*@ ,[]\t\r\n") ||
        (!address.is_ipv6 && strchr(address.host, ':')))
        abort();
    snprintf(printed, sizeof printed, address.is_ipv6 ? "tcp://[%s]:%u" : "tcp://%s:%u", address.host,
             (unsigned)address.port);
    if (zsock_address_parse(printed, 0, &again, NULL) != MR_OK || strcmp(address.host, again.host) != 0 ||
        address.port != again.port || address.is_ipv6 != again.is_ipv6 || address.is_number != again.is_number)
        abort();
    return 0;
}
