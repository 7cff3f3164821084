# SPDX-License-Identifier: BSD-2-Clause
# shellcheck shell=bash
# about: ffmpeg: video and sound coded and decoded by ten codecs, filters, threads, damaged files
# packages: ffmpeg
# cpu: 900

run() {
	local v=testsrc2=size=192x144:rate=10 a=sine=frequency=500:sample_rate=22050 c ff='ffmpeg -nostdin -y -v error'
	local filter='[0]split[x][y];[x]hflip,gblur=3[p];[y]edgedetect[q];[p][q]hstack,scale=200:-2[r]'
	filter+=';[1]scale=200:150[s];[r][s]overlay'
	for c in libx264:mkv libx265:mp4 libvpx-vp9:webm mpeg4:avi mpeg2video:mpg ffv1:mkv mjpeg:avi libtheora:ogv \
		png:mov libsvtav1:mkv; do
		# The encoder of AV1 gives one result only with one thread.
		$ff -f lavfi -i $v -t 2 -c:v "${c%:*}" -threads 1 -bitexact -fflags +bitexact "v.${c#*:}"
		echo "$c status $?"
		$ff -threads 2 -i "v.${c#*:}" -f framemd5 -bitexact - | md5sum
		head -c 9000 "v.${c#*:}" >"d.${c#*:}"
		$ff -i "d.${c#*:}" -f null -
		echo "damaged $c status $?"
	done
	for c in aac:m4a libmp3lame:mp3 flac:flac libopus:opus libvorbis:ogg ac3:ac3 pcm_s16le:wav; do
		$ff -f lavfi -i $a -t 3 -c:a "${c%:*}" -bitexact -fflags +bitexact "a.${c#*:}"
		echo "$c status $?"
		$ff -i "a.${c#*:}" -f framemd5 -bitexact - | md5sum
	done
	$ff -f lavfi -i $v -f lavfi -i mandelbrot=size=192x144:rate=10 -t 2 -filter_complex \
		"$filter" \
		-f framemd5 -bitexact - | md5sum
	ffprobe -v error -show_streams -of json v.mp4 | grep -E 'codec_name|width'
}
