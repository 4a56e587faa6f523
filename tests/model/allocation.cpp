// relacy replaces new and delete, but not the forms with a size that C++14 added: what its new gave must come back to
// it.
#include "checker.hpp"

void operator delete(void* memory, std::size_t /*size*/) noexcept { operator delete(memory); }
void operator delete[](void* memory, std::size_t /*size*/) noexcept { operator delete[](memory); }
