/* keypoint_set.h - what every keypoint set that was accepted holds to */
#ifndef EC_TESTS_KEYPOINT_SET_H
#define EC_TESTS_KEYPOINT_SET_H

#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "sets/keypoints.h"

static inline void demand(bool condition) {
    if (!condition) abort();
}

static inline void demand_points(const double (*points)[2], size_t n) {
    for (size_t i = 0; i < n; i++)
        demand(fabs(points[i][0]) <= EC_KEYPOINTS_MAX_COORDINATE &&
               fabs(points[i][1]) <= EC_KEYPOINTS_MAX_COORDINATE);
}

static inline void demand_pair(const ec_keypoint_set *set, size_t i) {
    const ec_keypoint_pair *pair = &set->pairs[i];
    demand(i == 0 || strcmp(set->pairs[i - 1].id, pair->id) < 0);
    demand(pair->source < set->n_images && pair->target < set->n_images);
    demand(pair->category < set->n_categories && pair->n_points <= EC_KEYPOINTS_MAX_POINTS);
    demand(fmax(pair->target_box[2] - pair->target_box[0],
                pair->target_box[3] - pair->target_box[1]) > 0.0);
    demand_points((const double(*)[2])pair->source_points, pair->n_points);
    demand_points((const double(*)[2])pair->target_points, pair->n_points);
    for (size_t k = 1; k < pair->n_points; k++) demand(pair->ids[k - 1] < pair->ids[k]);
}

static inline void demand_sound(const ec_keypoint_set *set) {
    size_t n_pairs = 0, n_points = 0;
    for (size_t i = 0; i < set->n_images; i++) {
        demand(i == 0 || strcmp(set->images[i - 1].name, set->images[i].name) < 0);
        demand(set->images[i].width > 0 && set->images[i].height > 0);
        demand(set->images[i].path != NULL);
    }
    for (size_t i = 0; i < set->n_pairs; i++) demand_pair(set, i);
    for (size_t k = 0; k < set->n_categories; k++) {
        const ec_keypoint_category *category = &set->categories[k];
        char hash[33];
        demand(ec_keypoint_category_find(set, category->name) == k);
        demand(ec_keypoint_category_hash(hash, set, k, NULL) == EC_OK);
        for (size_t i = 0; i < category->n_pairs; i++)
            n_points += set->pairs[category->pairs[i]].n_points;
        n_pairs += category->n_pairs;
    }
    demand(n_pairs == set->n_pairs);
    for (size_t k = 0; k < set->n_categories; k++) n_points -= set->categories[k].n_points;
    demand(n_points == 0);
}

#endif
