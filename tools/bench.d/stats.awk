# Reads what `rounds` prints. For each name, in the order of appearance: the medians of its figures, and of
# each figure's ratio to that of the name `base` in the same round.
# Prints: NAME RUNS MEDIAN... RATIO...

function median(list, n, i, j, v) {
	for (i = 2; i <= n; i++) {
		v = list[i]
		for (j = i - 1; j > 0 && list[j] > v; j--)
			list[j + 1] = list[j]
		list[j + 1] = v
	}
	return n % 2 ? list[(n + 1) / 2] : (list[n / 2] + list[n / 2 + 1]) / 2
}

{
	if (!($2 in runs))
		names[++count] = $2
	runs[$2]++
	columns = NF - 2
	for (c = 1; c <= columns; c++)
		figure[$2, $1, c] = $(c + 2)
}

END {
	for (k = 1; k <= count; k++) {
		n = runs[names[k]]
		medians = ratios = ""
		for (c = 1; c <= columns; c++) {
			for (r = 1; r <= n; r++) {
				plain[r] = figure[names[k], r, c]
				ratio[r] = figure[base, r, c] ? plain[r] / figure[base, r, c] : 0
			}
			medians = medians " " median(plain, n)
			ratios = ratios " " median(ratio, n)
		}
		print names[k], n medians ratios
	}
}
