include(unit/pkcs11_front.cmake)
include(unit/pkcs11_worker.cmake OPTIONAL)
