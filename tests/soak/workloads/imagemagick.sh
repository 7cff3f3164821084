# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: ImageMagick: drawings, filters, formats, threads, damaged files
# packages: imagemagick

run() {
	local convert=/usr/bin/convert-im6.q16 f
	$convert -size 300x200 gradient:red-blue -fill white -draw 'circle 150,100 150,20 line 0,0 299,199' a.png
	for f in -blur\ 0x3 -charcoal\ 2 -paint\ 3 -rotate\ 33 -swirl\ 90 '-resize 512x512!' -emboss\ 1 \
		-sepia-tone\ 80% -colors\ 16 -wave\ 5x40 -median\ 2 '-distort Arc 60' -fft -despeckle; do
		# shellcheck disable=SC2086 # words
		$convert a.png $f rgb:b
		echo "$f status $?"
		md5sum <b
	done
	for f in jpg gif bmp tiff webp pcx ppm ico tga xpm psd miff sgi; do
		$convert a.png -resize 100x100 "a.$f" && $convert "a.$f" rgb:c && md5sum <c
		echo "$f status $?"
		head -c 700 "a.$f" >"d.$f"
		timeout 300 $convert "d.$f" rgb:e >&2
		echo "damaged $f status $?"
	done
	/usr/bin/montage-im6.q16 a.png a.gif a.bmp -geometry 50x50+2+2 m.png && $convert m.png rgb:m && md5sum <m
	/usr/bin/compare-im6.q16 -metric AE a.png a.bmp null: 2>&1
	echo " status $?"
	/usr/bin/identify-im6.q16 -format '%m %w %h %k\n' a.png a.jpg.webp a.tiff 2>&1
}
