#pragma once

#include <cstdint>
#include <nlohmann/json.hpp>
#include <string>

/// Readers of JSON values that change nothing: no fraction is cut, no number wraps round, no true becomes 1.

/// JSON of other programs holds whole numbers up to here.
constexpr std::int64_t kMostId = std::int64_t{1} << 53;

/// A whole number from `least` to `most`. Throws UserError that says it of `what`.
std::int64_t whole_number(const nlohmann::json& value, const std::string& what, std::int64_t least, std::int64_t most);

/// A number from 0 to 1. Throws UserError that says it of `what`.
double fraction(const nlohmann::json& value, const std::string& what);
