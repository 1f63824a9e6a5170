# find_package(HartNative CONFIG) gives the targets HartNative::shared and HartNative::static. This file lies in PREFIX/lib/cmake/HartNative.
get_filename_component(HartNative_PREFIX "${CMAKE_CURRENT_LIST_DIR}/../../.." ABSOLUTE)
find_path(HartNative_INCLUDE_DIR hart.h PATHS "${HartNative_PREFIX}/include" NO_DEFAULT_PATH)

include(FindPackageHandleStandardArgs)
if(WIN32)
  find_file(HartNative_LIBRARY hart_native.dll PATHS "${HartNative_PREFIX}/bin" "${HartNative_PREFIX}/lib" NO_DEFAULT_PATH)
  find_file(HartNative_IMPORT NAMES hart_native.dll.lib libhart_native.dll.a PATHS "${HartNative_PREFIX}/lib" NO_DEFAULT_PATH)
  find_file(HartNative_STATIC NAMES hart_native.lib libhart_native.a PATHS "${HartNative_PREFIX}/lib" NO_DEFAULT_PATH)
else()
  find_file(HartNative_LIBRARY NAMES libhart_native.so libhart_native.dylib PATHS "${HartNative_PREFIX}/lib" NO_DEFAULT_PATH)
  find_file(HartNative_STATIC libhart_native.a PATHS "${HartNative_PREFIX}/lib" NO_DEFAULT_PATH)
endif()
find_package_handle_standard_args(HartNative REQUIRED_VARS HartNative_LIBRARY HartNative_INCLUDE_DIR)

if(HartNative_FOUND AND NOT TARGET HartNative::shared)
  add_library(HartNative::shared SHARED IMPORTED)
  set_target_properties(HartNative::shared PROPERTIES
    IMPORTED_LOCATION "${HartNative_LIBRARY}"
    IMPORTED_NO_SONAME TRUE
    INTERFACE_INCLUDE_DIRECTORIES "${HartNative_INCLUDE_DIR}")
  if(WIN32)
    set_target_properties(HartNative::shared PROPERTIES IMPORTED_IMPLIB "${HartNative_IMPORT}")
  endif()
  if(HartNative_STATIC)
    find_package(Threads REQUIRED)
    add_library(HartNative::static STATIC IMPORTED)
    set_target_properties(HartNative::static PROPERTIES
      IMPORTED_LOCATION "${HartNative_STATIC}"
      INTERFACE_INCLUDE_DIRECTORIES "${HartNative_INCLUDE_DIR}")
    if(WIN32)
      target_link_libraries(HartNative::static INTERFACE ws2_32 userenv ntdll bcrypt)
    else()
      target_link_libraries(HartNative::static INTERFACE Threads::Threads ${CMAKE_DL_LIBS} m)
      if(NOT APPLE)
        # What a program does not call is left out of it.
        target_link_libraries(HartNative::static INTERFACE -Wl,--gc-sections)
      endif()
    endif()
  endif()
endif()
