# Stops the build where ExecuTorch is not what the sources take it for.
#
# Sets RUNTIME_VERSION, and HAS_THREADPOOL_HEADER: whether `threadpool.h` has upstream's own to
# include. The argument is the target that holds ExecuTorch's thread pool.

include(CheckCXXSourceCompiles)

# The versions whose thread pool has been compared with the declaration in threadpool.h.
set(DECLARED_VERSIONS 1.5)

function(check_executorch threadpool)
  # The wheel's package tells its version. ExecuTorch's own build installs a header, since 1.2.
  set(version "${EXECUTORCH_BUILD_VERSION}")
  if(NOT version)
    find_file(
      VERSION_HEADER executorch/runtime/core/version.h
      PATHS ${EXECUTORCH_INCLUDE_DIRS} NO_DEFAULT_PATH NO_CMAKE_FIND_ROOT_PATH)
    if(VERSION_HEADER)
      file(STRINGS "${VERSION_HEADER}" line REGEX "^#define ET_VERSION \"[0-9.]+\"")
      string(REGEX MATCH "[0-9.]+" version "${line}")
    endif()
  endif()
  if(NOT version)
    message(FATAL_ERROR
      "The ExecuTorch in ${executorch_DIR} does not tell its version: it has no "
      "executorch/runtime/core/version.h, which every version since 1.2 installs.")
  endif()

  set(CMAKE_REQUIRED_QUIET TRUE)
  set(CMAKE_REQUIRED_LIBRARIES ${threadpool})
  set(CMAKE_REQUIRED_INCLUDES ${CMAKE_CURRENT_SOURCE_DIR})
  set(header "#include <executorch/extension/threadpool/threadpool.h>\nint main() {}")
  check_cxx_source_compiles("${header}" HAS_THREADPOOL_HEADER)
  string(REGEX MATCH "^[0-9]+\\.[0-9]+" minor "${version}")
  if(NOT HAS_THREADPOOL_HEADER AND NOT minor IN_LIST DECLARED_VERSIONS)
    message(FATAL_ERROR
      "This is ExecuTorch ${version}, which does not ship the header of its thread pool. "
      "threadpool.h declares the thread pool of ${DECLARED_VERSIONS}: compare it with upstream's "
      "extension/threadpool/threadpool.h of ${version}, results too, then add ${minor} to "
      "DECLARED_VERSIONS in checks.cmake.")
  endif()

  set(CMAKE_REQUIRED_DEFINITIONS -DTOPFORMER_HAS_THREADPOOL_HEADER=$<BOOL:${HAS_THREADPOOL_HEADER}>)
  check_cxx_source_compiles("
    #include \"threadpool.h\"
    int main() {
      auto* pool = executorch::extension::threadpool::get_threadpool();
      pool->_unsafe_reset_threadpool(1);
      return pool->get_thread_count() == 1 ? 0 : 1;
    }" HAS_THREADPOOL)
  if(NOT HAS_THREADPOOL)
    message(FATAL_ERROR
      "The thread pool of ExecuTorch ${version} lacks a function that threads.cpp calls: it has "
      "other names or arguments than in ${DECLARED_VERSIONS}. CMakeConfigureLog.yaml in the build "
      "folder has the compiler's words.")
  endif()
  set(RUNTIME_VERSION "${version}" PARENT_SCOPE)
endfunction()
