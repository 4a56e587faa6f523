// The user's own copy of Asio's code.
#include <boost/asio/impl/src.hpp>
