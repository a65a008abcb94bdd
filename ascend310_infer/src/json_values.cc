#include "json_values.h"

#include "errors.h"

std::int64_t whole_number(const nlohmann::json& value, const std::string& what, std::int64_t least, std::int64_t most) {
  if (value.is_number_integer()) {
    const bool fits = !value.is_number_unsigned() || value.get<std::uint64_t>() <= static_cast<std::uint64_t>(INT64_MAX);
    const auto number = fits ? value.get<std::int64_t>() : INT64_MAX;
    if (fits && number >= least && number <= most) return number;
  }
  throw UserError(what + " must be a whole number from " + std::to_string(least) + " to " + std::to_string(most) + ", not " +
                  shown(value));
}

const nlohmann::json& member(const nlohmann::json& object, const std::string& where, const std::string& key) {
  if (!object.is_object()) throw UserError(where + " must be an object, not " + shown(object));
  const auto found = object.find(key);
  if (found == object.end()) throw UserError("'" + key + "' is missing in " + where);
  return *found;
}

const nlohmann::json& array(const nlohmann::json& value, const std::string& what) {
  if (!value.is_array()) throw UserError(what + " must be a list, not " + shown(value));
  return value;
}

std::string text_value(const nlohmann::json& value, const std::string& what) {
  if (!value.is_string()) throw UserError(what + " must be a text, not " + shown(value));
  return value.get<std::string>();
}

bool true_or_false(const nlohmann::json& value, const std::string& what) {
  if (!value.is_boolean()) throw UserError(what + " must be true or false, not " + shown(value));
  return value.get<bool>();
}

std::string shown(const nlohmann::json& value) {
  constexpr std::size_t kMost = 60;
  // Writing values within values is a recursion, for which a hostile file can be too deep.
  for (const auto& inner : value)
    if (value.is_structured() && inner.is_structured()) return value.is_array() ? "a list of lists or objects" : "an object of lists or objects";
  const auto text = value.dump(-1, ' ', true);  // ASCII, so that it can be cut off anywhere
  return text.size() <= kMost ? text : text.substr(0, kMost) + "...";
}

nlohmann::json parse(std::istream& stream, const nlohmann::json::parser_callback_t& keep) {
  try {
    return nlohmann::json::parse(stream, keep);
  } catch (const nlohmann::json::parse_error& error) {
    throw UserError("it is not JSON, but damaged or cut off at byte " + std::to_string(error.byte));
  } catch (const nlohmann::json::exception&) {
    throw UserError("it is not JSON with numbers that can be held");
  }
}

double fraction(const nlohmann::json& value, const std::string& what) {
  if (value.is_number() && value.get<double>() >= 0 && value.get<double>() <= 1) return value.get<double>();
  throw UserError(what + " must be a number from 0 to 1, not " + shown(value));
}
