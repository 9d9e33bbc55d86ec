#pragma once

#include "agent/json_views.h"
#include "agent/plot.h"

#include <string>

namespace chiron::agent {

// What `chiron query` shows of an answer of the query API. Names and values from it are made printable.

/// The value, or a table: one row a series, one column for each label in which they differ.
std::string query_table(const Json& answer);
/// A plot of the matrix of a range query; `options` but for its colours and width are those of the query.
std::string query_plot(const Json& answer, const PlotOptions& options);

}  // namespace chiron::agent
