# OpenCV's core, imgproc and imgcodecs, as the target Pictures. By header and library, because Debian puts OpenCV's own CMake
# files into libopencv-dev alone, which is many times bigger than the three parts.
find_path(Pictures_INCLUDE_DIR opencv2/imgcodecs.hpp PATH_SUFFIXES opencv4)
set(Pictures_needed Pictures_INCLUDE_DIR)
foreach(part core imgproc imgcodecs)
  find_library(Pictures_${part}_LIBRARY opencv_${part})
  list(APPEND Pictures_needed Pictures_${part}_LIBRARY)
endforeach()

include(FindPackageHandleStandardArgs)
find_package_handle_standard_args(Pictures REQUIRED_VARS ${Pictures_needed})
if(Pictures_FOUND AND NOT TARGET Pictures)
  add_library(Pictures INTERFACE)
  target_include_directories(Pictures SYSTEM INTERFACE "${Pictures_INCLUDE_DIR}")
  target_link_libraries(Pictures INTERFACE "${Pictures_imgcodecs_LIBRARY}" "${Pictures_imgproc_LIBRARY}"
                                           "${Pictures_core_LIBRARY}")
endif()
