#include "json_values.h"

#include "errors.h"

std::int64_t whole_number(const nlohmann::json& value, const std::string& what, std::int64_t least, std::int64_t most) {
  if (value.is_number_integer()) {
    const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
    const auto number = fits ? value.get<std::int64_t>() : INT64_MAX;
    if (fits && number >= least && number <= most) return number;
  }
  throw UserError(what + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
                  value.dump());
}

double fraction(const nlohmann::json& value, const std::string& what) {
  if (value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1) return value.get<double>();
  throw UserError(what + " must be a number from 0 to 1, not " + value.dump());
}
