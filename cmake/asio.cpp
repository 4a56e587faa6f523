// The one translation unit that holds Asio's own code (BOOST_ASIO_SEPARATE_COMPILATION): without it every source
// that includes an Asio header compiles a copy.
#include <boost/asio/impl/src.hpp>
