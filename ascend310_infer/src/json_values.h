#pragma once

#include <cstdint>
#include <istream>
#include <nlohmann/json.hpp>
#include <string>

/// Readers of JSON values that change nothing: no fraction is cut, no number wraps round, no true becomes 1.

/// JSON of other programs holds whole numbers up to here.
constexpr std::int64_t kMostId = std::int64_t{1} << 53;

/// A whole number from `least` to `most`. Throws UserError that says it of `what`.
std::int64_t whole_number(const nlohmann::json& value, const std::string& what, std::int64_t least, std::int64_t most);

/// The value of a key. Throws UserError if `where` is no object, or has no such key.
const nlohmann::json& member(const nlohmann::json& object, const std::string& where, const std::string& key);

/// A list. Throws UserError that says it of `what`, as the following do.
const nlohmann::json& array(const nlohmann::json& value, const std::string& what);
std::string text_value(const nlohmann::json& value, const std::string& what);
bool true_or_false(const nlohmann::json& value, const std::string& what);

/// A value as JSON, cut off where it is long.
std::string shown(const nlohmann::json& value);

/// The content of a file. Throws UserError with the place of a fault. keep: says what is kept of it, all by default.
nlohmann::json parse(std::istream& stream, const nlohmann::json::parser_callback_t& keep = nullptr);

/// A number from 0 to 1. Throws UserError that says it of `what`.
double fraction(const nlohmann::json& value, const std::string& what);
