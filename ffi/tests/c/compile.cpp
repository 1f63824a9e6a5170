// The header in C++17, and one call through it.
#include "hart.h"

#include <cstdio>
#include <type_traits>
#include <vector>

static_assert(std::is_same<decltype(hart_abi_version()), uint32_t>::value, "the version is a number");
static_assert(std::is_standard_layout<HartHit>::value && sizeof(HartHit) == 24, "hits are plain");
static_assert(sizeof(HartCapabilities) == 64, "sizes are part of the interface");

int main()
{
    const std::vector<float> a{1, 2, 3}, b{4, 5, 6};
    double result = 0;
    if (hart_vector_dot_product_f32(a.data(), b.data(), a.size(), &result) != HART_OK || result != 32)
        return 1;
    std::puts("c++: ok");
    return 0;
}
